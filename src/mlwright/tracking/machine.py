"""How busy the machine is while a run goes on: CPU, memory, disk, network and GPUs, as metrics `system/...`.

Read from Linux' `/proc`, and from `nvidia-smi` where there is one. A run that ends before the first interval is over
has none of them.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlwright.errors import MlwrightError

if TYPE_CHECKING:
    from mlwright.tracking.run import Run

EVERY_S = 10.0
_PROC = Path("/proc")
_SECTOR_BYTES = 512
_MIB = 1024 * 1024
_GPU_FIELDS = ("utilization.gpu", "memory.used", "memory.total", "power.draw")
_GPU_METRICS = ("percent", "memory_mib", "memory_total_mib", "power_w")
_GPU_S = 5.0
_log = logging.getLogger("mlwright.tracking")


class Meter:
    """Logs the machine's load to a run every few seconds, from a thread of its own.

    Args:
        run: The run.
        every_s: How often.
    """

    def __init__(self, run: Run, every_s: float | None = None) -> None:
        self._run = run
        self._every_s = EVERY_S if every_s is None else every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlwright-system", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop logging."""
        self._ended.set()
        self._thread.join(_GPU_S)

    def _work(self) -> None:
        try:
            reader = Reader()
            while not self._ended.wait(self._every_s):
                found = reader.read()
                if found and not self._ended.is_set():
                    self._run.log_metrics({f"system/{key}": value for key, value in found.items()})
        except (MlwrightError, OSError, ValueError, LookupError) as error:
            _log.warning("the machine's load is no longer logged: %s", error)


class Reader:
    """Reads the machine's load since it was last asked.

    Args:
        proc: Where the kernel tells it.
    """

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc
        self._has_gpus = shutil.which("nvidia-smi") is not None
        self._at = time.monotonic()
        self._before = self._counters()

    def read(self) -> dict[str, float]:
        """Return rates since the last call, and how full memory and disk are; what can't be read is left out."""
        now, at = self._counters(), time.monotonic()
        passed_s = max(at - self._at, 1e-9)
        found: dict[str, float] = {}
        if "cpu_total" in now and now["cpu_total"] > self._before.get("cpu_total", 0):
            total = now["cpu_total"] - self._before["cpu_total"]
            # The kernel's count of waiting for disks may fall by a little.
            idle = min(max(now["cpu_idle"] - self._before["cpu_idle"], 0.0), total)
            found["cpu_percent"] = 100.0 * (1 - idle / total)
        for name in ("disk_read", "disk_written", "network_received", "network_sent"):
            if name in now and name in self._before:
                found[f"{name}_mib_s"] = max(now[name] - self._before[name], 0.0) / _MIB / passed_s
        busy_s = time.process_time()
        self._before, self._at = now, at
        found["process_cpu_s"] = busy_s
        found.update(self._memory())
        found.update(_disk_used())
        if self._has_gpus:
            found.update(gpus())
        return found

    def _counters(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for line in self._lines("stat"):
            if line.startswith("cpu "):
                ticks = [float(part) for part in line.split()[1:9]]
                found["cpu_total"], found["cpu_idle"] = sum(ticks), ticks[3] + ticks[4]
        disks = [line.split() for line in self._lines("diskstats")]
        whole = [parts for parts in disks if len(parts) > 9 and _is_disk(parts[2])]
        if whole:
            found["disk_read"] = sum(float(parts[5]) for parts in whole) * _SECTOR_BYTES
            found["disk_written"] = sum(float(parts[9]) for parts in whole) * _SECTOR_BYTES
        cards = [line.partition(":") for line in self._lines("net/dev")]
        counts = [rest.split() for name, _, rest in cards if rest and name.strip() != "lo"]
        if counts:
            found["network_received"] = sum(float(parts[0]) for parts in counts)
            found["network_sent"] = sum(float(parts[8]) for parts in counts)
        return found

    def _memory(self) -> dict[str, float]:
        sizes = {
            name: float(rest.split()[0]) for name, _, rest in (line.partition(":") for line in self._lines("meminfo"))
        }
        found: dict[str, float] = {}
        if sizes.get("MemTotal") and "MemAvailable" in sizes:
            found["memory_percent"] = 100.0 * (1 - sizes["MemAvailable"] / sizes["MemTotal"])
        for line in self._lines("self/statm"):
            found["process_memory_mib"] = float(line.split()[1]) * os.sysconf("SC_PAGE_SIZE") / _MIB
        return found

    def _lines(self, name: str) -> list[str]:
        try:
            return (self._proc / name).read_text().splitlines()
        except OSError:
            return []


def gpus() -> dict[str, float]:
    """Return use, memory and power of each GPU, as `nvidia-smi` tells them; empty when it doesn't."""
    command = ["nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_S, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, float] = {}
    for place, line in enumerate(told.splitlines()):
        for metric, text in zip(_GPU_METRICS, line.split(","), strict=False):
            try:
                found[f"gpu{place}_{metric}"] = float(text)
            except ValueError:
                # A card that doesn't tell a value says "[N/A]".
                continue
    return found


def _disk_used() -> dict[str, float]:
    try:
        usage = shutil.disk_usage(Path.cwd())
    except OSError:
        # The working directory was removed.
        return {}
    return {"disk_used_percent": 100.0 * usage.used / usage.total} if usage.total else {}


def _is_disk(name: str) -> bool:
    """Tell a whole disk from its partitions and from devices that only stand for others."""
    if name.startswith(("loop", "ram", "dm-", "md", "zram")):
        return False
    if name.startswith(("nvme", "mmcblk")):
        return "p" not in name.removeprefix("mmcblk").removeprefix("nvme")
    return not name[-1:].isdigit()
