module goleakprobe.example/traces

go 1.22
