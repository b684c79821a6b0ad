"""An installation without a loop, and callers of the services that experiments are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from job_requests import SCOPE, training

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.registry import Door, Site
from stepwell.store import resources
from stepwell.store.resources import Resource

EXPERIMENT_ARN = "arn:aws:sagemaker:eu-west-1:123456789012:experiment"


@dataclass(frozen=True)
class Callers:
    """`sagemaker` and `metrics` call operations by name; `site` is what lies behind them."""

    site: Site
    sagemaker: Callable[..., Document]
    metrics: Callable[..., Document]
    scope: Scope = SCOPE

    def an_experiment(self, *trials: str, name: str = "e") -> None:
        """Make an experiment with these trials."""
        self.sagemaker("CreateExperiment", ExperimentName=name)
        for trial in trials:
            self.sagemaker("CreateTrial", ExperimentName=name, TrialName=trial)

    def components(self, *names: str, trial: str | None = None) -> None:
        """Make components, in a trial if one is named."""
        for name in names:
            self.sagemaker("CreateTrialComponent", TrialComponentName=name)
            if trial is not None:
                self.sagemaker("AssociateTrialComponent", TrialComponentName=name, TrialName=trial)

    def component(self, name: str) -> Document:
        """The description of a component."""
        return self.sagemaker("DescribeTrialComponent", TrialComponentName=name)

    def listed(self, **request: object) -> list[str]:
        """Names of components, by all pages."""
        found: list[str] = []
        token: Document = {}
        while True:
            page = self.sagemaker("ListTrialComponents", **request, **token)
            found += [each["TrialComponentName"] for each in page["TrialComponentSummaries"]]
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}

    def a_training_job(self, name: str = "j", **more: object) -> None:
        """Create a training job, which nobody runs."""
        self.sagemaker("CreateTrainingJob", **training(name, **more))

    def job(self, name: str = "j", kind: str = "training-job") -> Resource:
        """The row of a job."""
        with self.site.database.read() as connection:
            found = resources.find(connection, resources.key(self.scope, kind, name))
        assert found is not None
        return found

    def job_goes_on(self, status: str, name: str = "j", kind: str = "training-job", **members: object) -> None:
        """What the machine of jobs would write."""
        row = self.job(name, kind)
        with self.site.database.write() as transaction:
            resources.save(transaction, row.with_changes(row.modified + 1, status=status, **members))


def callers(site: Site) -> Callers:
    """Callers of an installation."""
    door = Door(site)
    return Callers(
        site,
        lambda operation, **params: door.call(SCOPE, "sagemaker", operation, params),
        lambda operation, **params: door.call(SCOPE, "sagemaker-metrics", operation, params),
    )
