"""Pictures at rest."""
