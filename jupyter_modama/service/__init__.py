"""The service of a hub: takes what people ask for with their hub tokens, and has it done by the keeper."""
