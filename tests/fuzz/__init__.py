"""Properties of whatever reads what strangers send; `python -m lab.fuzz` runs them for longer."""
