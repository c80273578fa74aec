"""From facts to an image-edit prompt of 25 to 80 words. Pure: the same facts, the same words."""

import hashlib
from collections.abc import Sequence

from prompt_queue.simulator.eyes import Sighting

MAX_WORDS = 78

_VERBS = ("Recolour", "Repaint", "Restyle", "Retint", "Regrade")
_BLENDS = (
    "Blend the new tones softly into the shadows.",
    "Let the new tones follow the existing folds and edges.",
    "Keep the highlights clean and the shadows natural.",
    "Give the surfaces a fine, matte texture.",
    "Let the change fade gently towards the edges.",
    "Hold the fine detail crisp where tones meet.",
    "Leave small print and thin lines in their own colours.",
)
_KEEPS = (
    "pose, expression, background layout",
    "pose, outline, background layout",
    "identity, pose, proportions",
    "subject, pose, composition",
)
_COUNTER_TONES = {
    "warm": ("deep teal", "slate blue", "sage green", "steel blue"),
    "cool": ("burnt orange", "amber", "terracotta", "soft gold"),
    "neutral": ("golden amber", "muted teal", "dusty rose", "forest green"),
}


def _pick(options: Sequence[str], digest: int, turn: int) -> str:
    text = hashlib.sha256(f"{digest}:{turn}".encode()).digest()
    return options[int.from_bytes(text[:4]) % len(options)]


def _pair(names: Sequence[str]) -> str:
    return " and ".join(names[:2])


def _tones(seen: Sighting) -> str:
    names = seen.names[:1]
    second = seen.accent or (seen.names[1] if len(seen.names) > 1 else None)
    return _pair([*names, second] if second and second not in names else names)


def _light(seen: Sighting) -> str:
    if seen.light_side == "even":
        return "the even light"
    return f"the light from the {seen.light_side}"


def _keep(target: Sighting, digest: int) -> str:
    kept = _pick(_KEEPS, digest, 2)
    return (
        f"Keep the {kept}, {_light(target)} and the {target.width} by {target.height} "
        f"{target.orientation} framing unchanged."
    )


def _opening_with_references(target: Sighting, first: Sighting, digest: int) -> str:
    verb = _pick(_VERBS, digest, 1)
    return (
        f"{verb} the {_pair(target.names)} areas of the {target.brightness} target image with "
        f"the {_tones(first)} tones of reference image 1."
    )


def _further_references(references: Sequence[Sighting]) -> list[str]:
    sentences: list[str] = []
    if len(references) > 1:
        second = references[1]
        sentences.append(
            f"Borrow the {second.brightness} light and {second.contrast} contrast of "
            f"reference image 2, with its {second.accent or second.names[0]}."
        )
    if len(references) > 2:
        rest = references[2:]
        names = list(dict.fromkeys(seen.accent or seen.names[0] for seen in rest))
        source = (
            "reference image 3" if len(rest) == 1 else f"reference images 3 to {len(references)}"
        )
        sentences.append(f"Let the {_pair(names)} of {source} guide small details.")
    return sentences


def _opening_without_references(target: Sighting, digest: int) -> str:
    tone = _pick(_COUNTER_TONES[target.warmth], digest, 3)
    spare = [name for name in (target.accent, *target.names[::-1]) if name]
    where = next((name for name in spare if name not in target.names[:2]), "highlights")
    verb = _pick(_VERBS, digest, 1)
    return (
        f"{verb} the {_pair(target.names)} areas of the {target.brightness} target image with "
        f"{tone} tones, and let the {where} stand out with {target.contrast} contrast."
    )


def write_prompt(pictures: Sequence[Sighting], variant: int = 0) -> str:
    """Write the edit prompt for pictures in request order: references first, the target last.

    ``variant`` gives further wordings for the same pictures.
    """
    if not pictures:
        return "No image came with this request, so there is nothing here that could be edited."
    *references, target = pictures
    joined = ":".join(str(seen.digest) for seen in pictures) + f":{variant}"
    digest = int.from_bytes(hashlib.sha256(joined.encode()).digest()[:8])
    if references:
        opening = [_opening_with_references(target, references[0], digest)]
        opening += _further_references(references)
    else:
        opening = [_opening_without_references(target, digest)]
    sentences = [*opening, _pick(_BLENDS, digest, 4), _keep(target, digest)]
    if sum(len(sentence.split()) for sentence in sentences) > MAX_WORDS:
        del sentences[-2]
    return " ".join(sentences)


def describe(pictures: Sequence[Sighting]) -> str:
    """Say in one line a picture what was seen: the text of ``reasoning_content``."""
    lines = []
    for number, seen in enumerate(pictures, start=1):
        role = "target image" if number == len(pictures) else f"reference image {number}"
        shares = ", ".join(f"{part.name} {part.share:.0%}" for part in seen.colours[:4])
        lines.append(
            f"{role}: {seen.width} by {seen.height}, {seen.orientation}, {seen.brightness}, "
            f"{seen.contrast} contrast, {seen.warmth}, light {seen.light_side}; {shares}"
        )
    return "\n".join(lines)
