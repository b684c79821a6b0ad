"""Record the histories of this release: `python tests/histories/record.py`. What stands is never written again.

One execution of a definition with all control flow, as a crash leaves it after every so many transactions.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "simulation"))

import history_rows
from lives import CACHE, CONDITION, POLICIES, processing
from world import Crash, World


def step(name: str, *after: str, **members: object) -> dict[str, object]:
    return {"Name": name, "Type": "Processing", "Arguments": processing(), "DependsOn": list(after), **members}


def definition() -> list[dict[str, object]]:
    loop = {"IterableItems": [1, 2], "MaxConcurrency": 1, "ForEachBody": [step("Body")]}
    choice = {"Conditions": [CONDITION], "IfSteps": [step("Then")], "ElseSteps": [step("Else")]}
    return [
        step("First", RetryPolicies=POLICIES),
        {"Name": "Choice", "Type": "Condition", "DependsOn": ["First"], "Arguments": choice},
        {"Name": "Loop", "Type": "ForEach", "DependsOn": ["First"], "Arguments": loop},
        step("Last", "Then", "Loop", CacheConfig=CACHE),
    ]


def main() -> None:
    for transactions in range(1, 40, 3):
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder))
            left = iter(range(transactions * 3))

            def fate(may_stall: bool, left: object = left) -> None:
                if next(left, None) is None:  # type: ignore[call-overload]
                    raise Crash

            with world.time():
                world.begin(0.0, 0)
                world.create(definition())
                run = world.start(None)
                lived = True
                while lived and world.status(run) == "Executing":
                    machine = world.machines[0]
                    world.look(run, 0, fate)
                    lived = world.machines[0] is machine
                    for job in world.running(run) if lived else ():
                        world.jobs.end(world.site, job, world.now)
                file = history_rows.FOLDER / f"{history_rows.RELEASE}-{transactions:02}.json"
                if not file.exists():
                    file.write_text(json.dumps(history_rows.dump(world.database), indent=1))
            if not lived:
                continue
            return


if __name__ == "__main__":
    main()
