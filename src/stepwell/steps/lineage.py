"""Room steps: Lineage, entities and associations of the lineage graph. In: requests that create them. Out: ARNs.

What an association joins is named by ARN, or by name and type if the same step makes it. Spec 01, sections 4, 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import StepType

ENTITIES = {"Actions": "Action", "Artifacts": "Artifact", "Contexts": "Context"}
"""Member of the Arguments -> what each of its elements makes."""
MOST_ENTITIES, MOST_ASSOCIATIONS = 5, 10
"""Of each kind, and altogether: the limits of the step's Metadata in the API's model."""


def _arguments(models: Models) -> Form:
    entities = {
        member: forms.listing(forms.request(models, "sagemaker", f"Create{noun}"))
        for member, noun in ENTITIES.items()
    }
    end = forms.structure(dict.fromkeys(("Name", "Type", "Arn"), forms.TEXT))
    association = forms.structure(
        {"Source": end, "Destination": end, "AssociationType": forms.TEXT}, required=("Source", "Destination")
    )
    return forms.structure({**entities, "Associations": forms.listing(association)})


def _properties(_: Models) -> Form:
    arns = dict.fromkeys(("ActionArns", "ArtifactArns", "ContextArns"), forms.mapping(forms.TEXT))
    return forms.structure({**arns, "Associations": forms.FREE})


TYPE = StepType("Lineage", "lineage", arguments=_arguments, properties=_properties)
