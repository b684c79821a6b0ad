"""Room runtime: who performs which kind of step. To add a kind: a file step_<kind>.py and its line here."""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.runtime.step_contexts import Performer
from stepwell.runtime.step_jobs import Jobs
from stepwell.steps.kinds import Kind

PERFORMERS: Mapping[Kind, Performer] = {"job": Jobs()}
