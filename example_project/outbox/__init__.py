"""What the site has mailed, to be read in the browser instead of a mailbox."""
