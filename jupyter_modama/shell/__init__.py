"""What the command line is made of: arguments from the table, tables for people, a bar for long work, completion."""
