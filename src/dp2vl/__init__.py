"""DP²-VL: protect private photos from being learned by vision-language models, and measure whether it worked."""
