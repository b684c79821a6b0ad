"""How long simulations run: seconds by default, as long as one likes with `--hypothesis-profile long`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

LIVES = {
    "stateful_step_count": 25,
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
}
settings.register_profile("simulation", max_examples=40, **LIVES)  # type: ignore[arg-type]
settings.register_profile("long", max_examples=20_000, **LIVES)  # type: ignore[arg-type]
