"""Times a first run and no-op runs of many trivial steps beside ninja's, whole processes, in turn.

    pip install ninja
    cargo build --release
    python tests/bench/noop.py target/release/engine

Steps are `echo N` in chains of ten. The first run is durable: every result is synced to the disk before it counts.
ninja syncs nothing. A no-op run remembers its plan for the next one; "planned anew" are runs that find nothing
remembered, as after a change of the file. Prints medians in milliseconds.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENGINE = str(Path(sys.argv[1]).resolve())
NINJA = shutil.which("ninja")


def write_pipeline(folder: Path, steps: int) -> None:
    lines = ["[pipeline]", 'name = "noop"']
    for step in range(steps):
        lines += [f"[steps.s{step}]", 'op = "command"', f'command = "echo {step}"']
        if step % 10:
            lines.append(f'input = "s{step - 1}"')
    (folder / "noop.toml").write_text("\n".join(lines) + "\n")


def write_ninja(folder: Path, steps: int) -> None:
    lines = ["rule echo", "  command = echo $n > $out"]
    for step in range(steps):
        needed = f" s{step - 1}" if step % 10 else ""
        lines += [f"build s{step}: echo{needed}", f"  n = {step}"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def timed(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3


def median_in_turn(commands: dict[str, list[str]], folder: Path, runs: int) -> dict[str, float]:
    times = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            if name == "planned anew":
                shutil.rmtree(folder / ".engine" / "plans", ignore_errors=True)
            times[name].append(timed(command, folder))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    for steps in (1_000, 10_000):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
            folder = Path(name)
            (folder / ".engine").mkdir()
            write_pipeline(folder, steps)
            write_ninja(folder, steps)
            engine = [ENGINE, "run", "noop.toml"]
            ninja = [NINJA] if NINJA else ["true"]
            first = timed(engine, folder)
            first_ninja = timed(ninja, folder)
            print(f"{steps} steps, first run: engine {first:.0f} ms, ninja {first_ninja:.0f} ms")
            timed(engine, folder)
            medians = median_in_turn({"engine": engine, "ninja": ninja, "planned anew": engine}, folder, 15)
            for name in ("engine", "planned anew"):
                ratio = medians[name] / medians["ninja"]
                print(f"{steps} steps, no-op, {name}: {medians[name]:.1f} ms, ninja {medians['ninja']:.1f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
