"""Connected accounts: who agreed that their contacts may be read, and the tokens that prove it."""
