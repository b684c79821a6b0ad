"""How long simulations run. By default they are the same seconds of lives every time; for a night of others:

python -m pytest tests/simulation/test_simulation_lives.py --hypothesis-profile long --timeout 0
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

LIVES = settings(
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.register_profile("simulation", LIVES, max_examples=200, derandomize=True, database=None)
settings.register_profile("long", LIVES, max_examples=20_000, print_blob=True)
