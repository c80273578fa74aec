"""Results out: webhooks in the format of Standard Webhooks."""
