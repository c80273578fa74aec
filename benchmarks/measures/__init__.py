"""What a look at the whole queue costs, as GET /metrics and the alert rules take one."""
