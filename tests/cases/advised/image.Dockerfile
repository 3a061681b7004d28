FROM node AS build
RUN npm ci

FROM node:22-slim
COPY --from=build /app /app
USER node
EXPOSE 3000 9229
HEALTHCHECK CMD node health.js
