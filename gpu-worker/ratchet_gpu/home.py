"""The fixed layout under RATCHET_HOME; the same names as homePaths in workers/config.ts."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    root: Path

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def traces(self) -> Path:
        return self.root / "traces.jsonl"

    def run(self, run_id: str) -> Path:
        """The directory of one run. An id that is no plain file name is cleaned and told apart by its hash."""
        if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}", run_id):
            return self.root / "runs" / run_id
        cleaned = re.sub(r"[^A-Za-z0-9_-]+", "-", run_id)[:80].strip("-")
        return self.root / "runs" / f"{cleaned}-{hashlib.sha256(run_id.encode()).hexdigest()[:12]}"
