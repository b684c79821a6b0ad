"""Bricks that know nothing of the product: ARNs, the clock, ids, faults, the JSON document type.

May import: the standard library only. To add one: a small file for one concept that several rooms need.
"""
