"""The operator's command on the books of payments, beside a running relay or without one."""
