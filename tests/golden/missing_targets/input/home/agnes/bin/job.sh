echo inert
