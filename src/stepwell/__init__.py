"""Stepwell runs SageMaker workflows anywhere: one server that speaks the SageMaker API and does the work."""

__version__ = "0.1.0"
