"""What only root may do."""

import os

# What to write before such a command.
AS_ROOT: tuple[str, ...] = () if os.geteuid() == 0 else ("sudo", "-n")
