"""Are waits what was said of them? On a load that changes, beside Gradio's formula."""
