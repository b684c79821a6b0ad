"""The experiment, trial and run that a job was in, as far as it can see them: names, in a sealed place.

In: a job's ExperimentConfig. Out: entities that a job may load (`load_run()` of the SDK) and log to.
"""

from __future__ import annotations

from typing import Any

from stepwell.base.documents import Document


def ensure(client: Any, config: Document, made: set[str]) -> None:
    """Make what the config names and is not in `made` yet. Raises ClientError."""
    trial, run = config.get("TrialName"), config.get("RunName")
    experiment = config.get("ExperimentName") or trial
    if experiment and f"experiment {experiment}" not in made:
        client.create_experiment(ExperimentName=experiment)
        made.add(f"experiment {experiment}")
    if trial and f"trial {trial}" not in made:
        client.create_trial(TrialName=trial, ExperimentName=experiment)
        made.add(f"trial {trial}")
    if run and f"run {run}" not in made:
        client.create_trial_component(TrialComponentName=run)
        made.add(f"run {run}")
        if trial:
            client.associate_trial_component(TrialComponentName=run, TrialName=trial)
