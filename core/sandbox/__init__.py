"""Child processes with limits, in which what people send is decoded."""
