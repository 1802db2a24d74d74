"""What each verb of a client does, one file a verb. Handlers do not know each other."""
