SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // The default would send the address of this page to a checker on another host.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
