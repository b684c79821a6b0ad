"""Room runtime: what training jobs emit, for those that judge them on their way. In: a site. Out: LiveValues."""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.runtime import job_metrics
from stepwell.runtime.tuning_trials import LiveValues
from stepwell.services.registry import Site


def emitted(site: Site) -> LiveValues:
    """The values that the metrics of `site` hold."""

    def values(training_job: str, metric: str) -> Sequence[float]:
        return [value for _, value in job_metrics.live_values(site, training_job, metric)]

    return values
