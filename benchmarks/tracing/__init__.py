"""What spans cost, on and off."""
