"""How much of a provider's quota is used, and how many calls it refuses, by way of sending."""
