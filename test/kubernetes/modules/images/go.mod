module clops.invalid/images

go 1.24
