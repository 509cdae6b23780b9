"""Times the baselines pipeline on real issues beside the same in pandas, scikit-learn and scikit-multilearn.

    pip install pandas scikit-learn scikit-multilearn
    cargo build --release
    python tests/bench/baselines.py target/release/engine ../shared/data/datasets-issues.jsonl.gz [PAIRS]

Whole processes, in turn, each time with an empty cache. Prints medians of wall time and of peak memory.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAIRS = 5


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and peak memory in MB of a whole process."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    engine = str(Path(sys.argv[1]).resolve())
    data = str(Path(sys.argv[2]).resolve())
    pairs = int(sys.argv[3]) if len(sys.argv) > 3 else PAIRS
    times = {"engine": [], "python": []}
    memory = {"engine": [], "python": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(pairs):
            shutil.rmtree(folder / ".engine", ignore_errors=True)
            (folder / ".engine").mkdir()
            if not (folder / "pipelines").exists():
                shutil.copytree(PROJECT / "pipelines", folder / "pipelines")
            commands = {
                "engine": [engine, "run", "pipelines/issues_baselines.toml", "--set", f"vars.data={data}",
                           "--set", "vars.label_map=pipelines/labels/datasets.toml"],
                "python": [sys.executable, str(PROJECT / "tests/peers/baselines.py"), data],
            }
            for tool, command in commands.items():
                seconds, megabytes = measured(command, folder)
                times[tool].append(seconds)
                memory[tool].append(megabytes)
                print(f"{tool}: {seconds:.2f} s, {megabytes:.0f} MB", flush=True)
    wall = {tool: statistics.median(values) for tool, values in times.items()}
    peak = {tool: statistics.median(values) for tool, values in memory.items()}
    print(f"wall: engine {wall['engine']:.2f} s, python {wall['python']:.2f} s, {wall['python'] / wall['engine']:.1f} times faster")
    print(f"peak memory: engine {peak['engine']:.0f} MB, python {peak['python']:.0f} MB, {peak['engine'] / peak['python']:.2f} of it")


if __name__ == "__main__":
    main()
