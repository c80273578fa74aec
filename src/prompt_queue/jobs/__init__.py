"""The words of the house: jobs, outcomes, errors and the pure decisions about them."""
