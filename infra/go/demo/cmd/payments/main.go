// Command payments runs the shop's payments service.
package main

import (
	"example.com/shop/internal/service"
	"example.com/shop/payments"
)

func main() { service.Main("payments", payments.Open) }
