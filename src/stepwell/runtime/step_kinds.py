"""Room runtime: who performs which kind of step. To add a kind: a file step_<kind>.py and its line here."""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.runtime.step_callbacks import Callbacks
from stepwell.runtime.step_cleanups import Cleanups
from stepwell.runtime.step_contexts import Performer
from stepwell.runtime.step_jobs import Jobs
from stepwell.runtime.step_lambdas import Lambdas
from stepwell.runtime.step_lineage import Lineages
from stepwell.runtime.step_loops import Loops
from stepwell.steps.kinds import Kind

PERFORMERS: Mapping[Kind, Performer] = {
    "job": Jobs(),
    "lambda": Lambdas(),
    "callback": Callbacks(),
    "foreach": Loops(),
    "cleanup": Cleanups(),
    "lineage": Lineages(),
}
