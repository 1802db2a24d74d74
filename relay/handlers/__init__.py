"""The life of one client message, one file a verb. Handlers do not know each other."""
