"""`python -m lab.requests`: sends generated requests as everybody and writes the report."""

import argparse
import asyncio
import sys
from pathlib import Path

from lab.cluster import DurableCluster
from lab.requests.campaign import Outcome, run
from lab.requests.world import open_world
from prompt_queue.store.migrate import migrate, read_migrations


def write(path: Path, outcome: Outcome, command: str) -> None:
    """Counts by caller and status, and every finding with its first request."""
    codes = sorted({code for of in outcome.statuses.values() for code in of})
    rows = [
        f"| {name} | {sum(of.values()):,} | " + " | ".join(f"{of[c]:,}" for c in codes) + " |"
        for name, of in sorted(outcome.statuses.items())
    ]
    findings = [
        f"- {times} x {what}\n  `{outcome.examples[what]}`"
        for what, times in outcome.findings.most_common()
    ]
    path.write_text(
        "# Generated requests as every caller\n\n"
        f"`{command}`: **{outcome.cases:,} cases** of {outcome.operations} operations in "
        f"{outcome.seconds:.0f} s, made by Schemathesis from `/openapi.json`, valid and "
        "invalid; three in five name things that are there. "
        f"{outcome.unsendable:,} more could not be put on the wire. In {outcome.own:,} answers an "
        "owner was told what is theirs.\n\n"
        "Each answer is held against the document (status, media type, headers, schema), has the "
        "headers of every answer, is a problem document where it is an error, lets nobody do what "
        "the document does not let them, and tells no secret, no traceback and nothing of another "
        "user's. The log is searched for secrets, users' words and crashes.\n\n"
        f"**{sum(outcome.findings.values())} findings.**\n\n"
        f"| caller | cases | {' | '.join(map(str, codes))} |\n|---|---:|{'---:|' * len(codes)}\n"
        + "\n".join(rows)
        + ("\n\n## Findings\n\n" + "\n".join(findings) if findings else "")
        + "\n"
    )


def main() -> int:
    """Returns 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m lab.requests", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("lab/requests.md"))
    options = parser.parse_args()
    cluster = DurableCluster.create()
    try:
        asyncio.run(migrate(cluster.dsn, read_migrations()))
        with open_world(cluster.dsn, cluster.folder) as world:
            outcome = run(world, options.cases, options.seed, options.minutes * 60)
    finally:
        cluster.close()
    command = " ".join(["python -m lab.requests", *sys.argv[1:]])
    write(options.report, outcome, command)
    sys.stdout.write(options.report.read_text())
    return 1 if outcome.findings or outcome.cases < options.cases else 0


if __name__ == "__main__":
    sys.exit(main())
