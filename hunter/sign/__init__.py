"""Signatures of plans: the format of OpenSSH (`ssh-keygen -Y`), who may sign, and what is demanded."""
