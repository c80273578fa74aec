"""Whether a task in the provider's history is what a submit without an answer had bought. Pure.

The provider has no idempotency key; its history shows each task's inputs.
"""

from prompt_queue.dispatch.payload import numbered
from prompt_queue.dispatch.replies import Prediction
from prompt_queue.jobs.generation_models import PictureModel
from prompt_queue.jobs.picture import PictureClaim


def is_ours(task: Prediction, model: PictureModel, claim: PictureClaim) -> bool:
    """The same model, prompt, number of pictures, and size where one was asked for.

    Addresses are not compared: pictures that are given to the provider get a new one each time. Two
    of our submits that are alike in all of this are the same purchase; each gets one task.
    """
    inputs = task.inputs
    if inputs is None or (task.model and task.model != model.name):
        return False
    if inputs.get("prompt") != numbered(claim.prompt, len(claim.ref_urls), model.target_first):
        return False
    if model.most_pictures == 1:
        return isinstance(inputs.get("image"), str)
    pictures = inputs.get("images")
    return isinstance(pictures, list) and len(pictures) == len(claim.ref_urls) + 1
