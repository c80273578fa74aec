"""Pictures in the operator's storage, named by their path, through the whole house."""

from prompt_queue.settings import DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.testing import StandIn
from tests.e2e.conftest import StackFactory
from tests.photographs import plain
from tests.storage.fake_storage import KEY, fake_storage

USER = str(DEMO_USER_ID)


def test_a_user_names_pictures_of_their_own_folder(
    make_stack: StackFactory, xai_stand_in: StandIn
) -> None:
    """One that is there becomes a prompt, one that is not is named, another's is refused."""
    with fake_storage() as storage:
        storage.objects[f"pictures/{USER}/cat.png"] = plain("teal")
        stack = make_stack(
            identity="local",
            SUPABASE_URL=storage.base,
            SUPABASE_SERVICE_ROLE_KEY=KEY,
            storage_paths="pictures/{user_id}/",
        )
        done = stack.final(stack.enqueue(f"pictures/{USER}/cat.png"))
        assert (done["status"], done["source"]) == ("completed", "model")
        gone = stack.final(stack.enqueue(f"pictures/{USER}/dog.png"))
        assert (gone["status"], gone["errorCode"]) == ("failed", "invalid_input")
        assert "The target picture cannot be used. There is no such picture" in gone["error"]
        asked = {
            "rowId": str(DEMO_ROW_ID),
            "targetUrl": "pictures/5f0e7bd5-3a3c-4f1e-8a55-6c1f1b4cf0aa/cat.png",
        }
        refused = stack.request("POST", "/api/prompt/queue", asked)
        assert refused.status == 422
        assert refused.body["errors"][0]["pointer"] == "#/targetUrl"
        assert "not yours" in refused.body["errors"][0]["detail"]
        assert KEY not in stack.log
    assert len(xai_stand_in.calls()) == 1
