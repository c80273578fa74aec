"""One file a kind of fault; each does its trials on a rig and returns how many happened."""
