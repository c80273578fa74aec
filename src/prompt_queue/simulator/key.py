"""The one key that a stand-in accepts comes by the environment: every account sees arguments."""

import os

KEY_VARIABLE = "PROMPT_QUEUE_STAND_IN_KEY"
DEFAULT_API_KEY = "stand-in-key"


def given_key() -> str:
    """The key that the environment names, or the usual one."""
    return os.environ.get(KEY_VARIABLE) or DEFAULT_API_KEY
