"""SageMaker Metrics: points that clients put for trial components, and their history. REST-JSON, signed as sagemaker.

Operations, a file each: `put_metrics`, `get_metrics`. What they share: `histories` (points to values along an axis).

May import: `services.registry`, the SageMaker nouns' `experiment_entities` and `component_metrics`, `machines`,
`store`, `base`. To add an operation: a function marked `@operation` in a file of its own.
"""
