"""Fetches the jars of Apache Kafka without Java or Maven, and checks each against the committed lock.

    python infra/dev/kafka_jars.py --cache .ratchet/kafka     download what is missing, write .ratchet/kafka/classpath
    python infra/dev/kafka_jars.py --cache .ratchet/kafka --lock    resolve anew and rewrite infra/dev/kafka_jars.lock

Only jgo's lowest layer is used: its environment builder would fetch a whole JDK of its own and write to ~/.cache.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from jgo.maven import Artifact, MavenContext
from jgo.parse import Coordinate

ROOTS = (
    "org.apache.kafka:kafka_2.13:4.3.1",
    # Kafka logs through slf4j 1.7; without a binding a broker that cannot start says nothing.
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
LOCK = Path(__file__).with_name("kafka_jars.lock")


def sha256(path: Path) -> str:
    with path.open("rb") as jar:
        return hashlib.file_digest(jar, "sha256").hexdigest()


def artifact(context: MavenContext, coordinate: str) -> Artifact:
    group, name, version = coordinate.split(":")
    return context.project(group, name).at_version(version).artifact()


def write_lock(context: MavenContext) -> None:
    found: dict[str, Artifact] = {}
    for root in ROOTS:
        # One at a time, the first to name a jar decides its version: together, log4j's BOM would pull Kafka's jackson
        # down.
        dependency = context.create_dependency(replace(Coordinate.parse(root), scope="compile"))
        inputs, transitive = context.resolver.resolve([dependency])
        for needed in [*inputs, *(d for d in transitive if d.scope in ("compile", "runtime"))]:
            found.setdefault(f"{needed.artifact.groupId}:{needed.artifact.artifactId}", needed.artifact)
    lines = sorted(f"{name}:{a.version} sha256:{sha256(a.resolve())}" for name, a in found.items())
    head = "# Apache Kafka's jars. Written by: python infra/dev/kafka_jars.py --cache .ratchet/kafka --lock\n"
    LOCK.write_text(head + "\n".join(lines) + "\n")


def fetch(context: MavenContext, coordinate: str, digest: str) -> Path:
    """One jar on disk with the locked digest. A file left half-written by an interrupted run is fetched again."""
    wanted = artifact(context, coordinate)
    for _ in range(2):
        path: Path = wanted.resolve()
        if f"sha256:{sha256(path)}" == digest:
            return path
        path.unlink()
    raise SystemExit(f"{coordinate}: what {MAVEN_CENTRAL} sends is not what {LOCK.name} names ({digest})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--lock", action="store_true")
    options = parser.parse_args()
    cache: Path = options.cache.absolute()
    context = MavenContext(repo_cache=cache / "maven", remote_repos={"central": MAVEN_CENTRAL}, timeout=60)
    if options.lock:
        write_lock(context)
    entries = [line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    with ThreadPoolExecutor(8) as pool:
        jars = []
        for jar in pool.map(lambda entry: fetch(context, *entry), entries):
            jars.append(jar)
            print(f"{len(jars)}/{len(entries)} jars", file=sys.stderr, flush=True)
    temporary = cache / "classpath.tmp"
    temporary.write_text("\n".join(str(jar.relative_to(cache)) for jar in jars) + "\n")
    temporary.replace(cache / "classpath")


if __name__ == "__main__":
    main()
