"""The body and the headers of a webhook, as Standard Webhooks has them. Pure."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from prompt_queue.jobs.webhooks import WebhookClaim

SECRET_PREFIX = "whsec_"  # noqa: S105 - the beginning that every secret has
USER_AGENT = "prompt-queue-webhooks"


def body_of(claim: WebhookClaim, base_url: str) -> bytes:
    """`{type, timestamp, data}`; the same bytes at every try. `base_url` begins the links."""
    data = dict(claim.data)
    urls = _urls(data, base_url)
    document = {
        "type": claim.type,
        "timestamp": claim.created_at.isoformat().replace("+00:00", "Z"),
        "data": data | ({"urls": urls} if urls else {}),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(claim: WebhookClaim, body: bytes) -> dict[str, str]:
    """`webhook-id` is the message's, `webhook-timestamp` this try's; one signature a secret."""
    message_id, timestamp = f"msg_{claim.job_id.hex}", str(claim.sent_at)
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures(claim.secrets, message_id, timestamp, body),
    }


def signatures(secrets: Sequence[str], message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and HMAC-SHA256 over id, time and body, for each secret, separated by spaces.

    Raises ValueError for a secret that is not `whsec_` and base64.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets)


def _mac(secret: str, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a webhook secret is whsec_ and base64") from None
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _urls(data: Mapping[str, Any], base_url: str) -> dict[str, str]:
    urls = {}
    if data.get("jobId"):
        urls["self"] = f"{base_url}/api/jobs/{data['jobId']}"
    if data.get("promptJobId"):
        name = "prompt" if urls else "self"
        urls[name] = f"{base_url}/api/prompt/queue/{data['promptJobId']}"
    return urls
