"""Where a proxied exchange's processor time goes in a running process, and which system calls it makes."""
