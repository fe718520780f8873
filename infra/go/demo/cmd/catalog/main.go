// Command catalog runs the shop's catalog service.
package main

import (
	"example.com/shop/catalog"
	"example.com/shop/internal/service"
)

func main() { service.Main("catalog", catalog.Open) }
