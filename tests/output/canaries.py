"""Planted secrets: where each is put, and how to look for all of them."""

import json
from dataclasses import dataclass, field
from typing import Any

import asyncpg

XAI = "xaikeycanary7f3a91"
WAVESPEED = "wskeycanary5d20c4"
SERVICE = "servicekeycanary88e1b0"
JWT_SECRET = "jwtsecretcanary-of-more-than-32-characters"
CRON = "croncanary61ab77"
WEBHOOK = "whsec_d2ViaG9va2NhbmFyeTEyMzQ1Ng=="
PASSWORD = "dsn@canary:4410fe"
PICTURE = "picturequerycanary09c3"
HOOK_QUERY = "hookquerycanary17d5"

PLANTED = {
    "xAI's key": XAI, "WaveSpeed's key": WAVESPEED, "service key": SERVICE,
    "secret of tokens": JWT_SECRET, "cron secret": CRON, "secret of webhooks": WEBHOOK,
    "password of the database": PASSWORD, "query of a picture": PICTURE,
    "query of a receiver": HOOK_QUERY,
}  # fmt: skip

SAID = " ".join(
    (f"key {XAI} and {WAVESPEED}, Bearer {SERVICE}, {JWT_SECRET} {CRON} {WEBHOOK}",
     f"https://pictures.example/a.jpg?sig={PICTURE} https://hook.example/h?t={HOOK_QUERY}",
     f"postgresql://me:{PASSWORD}@db.example/x")
)  # fmt: skip
"""What a careless program says."""

# A user's own pictures and receivers are kept, and shown to that user.
_OWN = frozenset({"target_url", "ref_urls", "url", "webhook_url", "image_url"})
# What signs webhooks lies in these columns and in no others.
_SIGNING = frozenset({"webhook_endpoints", "webhook_secrets"})
_SIGNING_COLUMNS = frozenset({"secret", "old_secret"})
_COLUMNS = """
select table_name from information_schema.tables
where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name
"""


@dataclass
class Search:
    """All texts that are to be looked through, under the name of where they were seen."""

    secrets: dict[str, str] = field(default_factory=lambda: dict(PLANTED))
    seen: dict[str, str] = field(default_factory=dict)

    def add(self, place: str, text: str) -> None:
        """One more text."""
        self.seen[place] = self.seen.get(place, "") + text + "\n"

    def found(self) -> list[tuple[str, str]]:
        """Where which secret was seen."""
        return [
            (place, name)
            for place, text in self.seen.items()
            for name, secret in self.secrets.items()
            if secret in text
        ]

    async def add_database(self, dsn: str) -> None:
        """Every row of every table, without what the user gave to be kept."""
        connection = await asyncpg.connect(dsn)
        try:
            for record in await connection.fetch(_COLUMNS):
                table = record["table_name"]
                rows = await connection.fetch(f'select to_jsonb(t) as row from public."{table}" t')
                for row in rows:
                    for name, value in _without_own(json.loads(row["row"])).items():
                        if table in _SIGNING and name in _SIGNING_COLUMNS:
                            continue
                        text = json.dumps(value)
                        # The addresses of the user's pictures, as they were asked for.
                        asked = name == "request_payload"
                        self.add(f"{table}.{name}", text.replace(PICTURE, "") if asked else text)
        finally:
            await connection.close()


def _without_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_own(v) for k, v in value.items() if k not in _OWN}
    return value
