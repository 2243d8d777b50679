"""The pages of the Eye: server-rendered, on 127.0.0.1, without any request to elsewhere; every evidence string is hostile."""
