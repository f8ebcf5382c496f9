export { AppGateway, type AppGatewayOptions, type Pushed, type PushedToMany, type PushOptions } from './app-gateway.ts';
export { type Notification, NotificationService } from './notification-service.ts';
export { appGatewayProviders } from './providers.ts';
export { PushRefused } from './push-refused.ts';
