"""What happens to the archive when processes, system calls and disks fail."""
