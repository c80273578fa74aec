"""Pages for people; nothing on them comes from another host."""
